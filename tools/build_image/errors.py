"""What a person can put right; the message is all they see."""


class ImageError(Exception):
    pass
