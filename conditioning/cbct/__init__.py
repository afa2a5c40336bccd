"""Cone-beam CT: what is imaged (bodies, phantoms) and by which geometry and dose."""
