# SPDX-License-Identifier: BSD-2-Clause
"""Proofs that a small program checks: "unsat" without believing any solver.

An obligation's SMT-LIB text is read back (``reader``) and made into clauses
(``blast``); ``search`` finds a refutation of them, and ``proof``, which alone has
to be right beside the first two, checks it. ``files`` writes all of it and
checks it again from the files.
"""
