"""What is clicked: plain ipywidgets, no JavaScript of our own."""
