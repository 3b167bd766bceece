"""Training of the network on motion capture seen by made-up cameras; nothing here is needed to run it."""
