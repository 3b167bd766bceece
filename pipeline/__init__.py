"""From a video to a judged robot motion on disk: evidence, estimators, filters, validation, hand-off."""
