"""What those see who look at pycoco from an editor, a type checker or a notebook.

It is not for what pycoco does: nothing in here is needed to read an image.
"""
