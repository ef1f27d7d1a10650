"""The paper's claims on data of its kind: what is trained, measured, decided and written."""
