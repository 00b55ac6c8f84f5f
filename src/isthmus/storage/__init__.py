"""What is kept on disk: whole files, the container, and model files, without knowing any class.

A room above says how its classes become a file and come back: it registers a `Form`.
"""

from isthmus.storage.classes import CLASSES, FORMS, Contents, Form, Stored, form_in, form_of
from isthmus.storage.model_file import FORMAT_VERSION, KIND, describe, load, save

__all__ = [
    "CLASSES",
    "FORMAT_VERSION",
    "FORMS",
    "KIND",
    "Contents",
    "Form",
    "Stored",
    "describe",
    "form_in",
    "form_of",
    "load",
    "save",
]
