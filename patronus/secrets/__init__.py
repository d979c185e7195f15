# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may come in, and what is kept from all: accounts, sessions, the set-up code, TLS, the vault.

May import core and kernel. Knows no feature and no face. Passwords are kept as Argon2id hashes, tokens and
codes as SHA-256 hashes: they open nothing. What must be read again is in the ``vault``, under a master key
that the device seals and a recovery password wraps. Impure by name are ``service``, ``accounts``, ``passes``,
``way_in``, ``store``, ``vault``, ``keys``, ``sealed_files`` and ``password/{server,service}``; what knows a
lock but no disk (``attempts``, ``bearers``, ``registrar``, ``second_factor``) goes through them; the rest is
pure, and told the time.

The daemon constructs, once, before it serves::

    doorkeeper = secrets.service.create(places, clock, vault, passwords, password=…, reset=…, router=…)
    if doorkeeper.way_in.fresh_code:   # str to print on the console: made at this start, not readable later
        ...
    table.add(verb) for verb in secrets.entry_verbs.EntryVerbs(doorkeeper).verbs()  # of coming in
    table.add(verb) for verb in secrets.verbs.verbs(doorkeeper, table.verbs)  # the others
    VerbTable(..., authenticate=doorkeeper.authenticate)    # (token, origin) -> Caller, NotAuthenticated

    store = secrets.store.TlsStore(places.state / "secrets")
    identity = store.ensure(tls.Names(hostname, addresses), clock.wall())   # and daily
    identity.hand_out(Path("/run/patronus-web"))    # tls.crt, tls.key; folder is 2750 patronus:patronus-web
    identity.fingerprint                            # print beside the code: people can compare it

``places.state`` and ``places.run`` must be writable by the daemon; ``places.run`` must outlive a restart of
the daemon (RuntimeDirectoryPreserve=restart): the sessions' hashes and the key that signs their tokens are
there, so that a change can be confirmed after the daemon was killed, and are gone after a reboot. Each
password check takes 64 MiB in a short-lived child.
"""
