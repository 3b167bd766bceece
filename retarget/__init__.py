"""How a human motion becomes a robot motion: correspondence, contacts, Pinocchio IK."""
