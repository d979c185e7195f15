# SPDX-License-Identifier: GPL-2.0-or-later
"""What every feature stands on: values, errors, files, generations, the engine.

May import the standard library, pydantic, PyYAML and tomlkit. Knows no feature by name and never
touches the kernel; what it needs from outside it states as a protocol and is handed by the daemon.
Pure but for ``files``, ``generations``, ``state`` and ``audit``.
"""
