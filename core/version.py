"""The one place that says which version of the product this is: an image without an installed package knows it too."""

VERSION = "0.1.0"
