"""Parts of device models: physics that several families share."""
