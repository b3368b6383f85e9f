"""The APIs of products, one folder each."""
