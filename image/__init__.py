# SPDX-License-Identifier: GPL-2.0-or-later
"""The builder: what turns Debian packages, our Python and our BPF objects into one signed disk image.

Lives here: the mkosi configuration and the small Python that drives it on the user's workstation.
May import: the standard library and this package, because it runs before anything is installed.
Never: imports ``patronus`` or ``webui``, writes outside the cache and ``build/``, names a mirror.
"""
