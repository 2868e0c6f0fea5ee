"""A scripted tour: plays the ways of the portal against the running server and prints each step (`make tour`).

It needs the development mode: the stand-in for SMS, whose messages it reads from the instance folder, and the demonstration
accounts. It sends to the loopback address only, makes up its persons, and exits with 1 at the first step that does not
answer as documented.
"""
