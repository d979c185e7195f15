# SPDX-License-Identifier: GPL-2.0-or-later
"""Updates as the daemon sees them: ``[update]`` of the main file, the verbs, and the tasks that it hands out.

The work is done by ``patronus.update`` in processes of its own. Nothing here reads a source or writes a slot.
"""
