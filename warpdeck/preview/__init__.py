"""`preview`: every card as a page that needs no Anki.

Owns: the gallery, the learner's page and their server. Must not know genanki or the ledger:
nothing here can change what a learner will be sent.
"""
