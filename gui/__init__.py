"""The window: shows run folders and starts runners; the only room that imports Qt."""
