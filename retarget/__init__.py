"""How a human motion becomes a robot motion, whole clips at once or frame by frame as they come.

Begin with :mod:`retarget.retargeter` and :mod:`retarget.online`.
"""
