# SPDX-License-Identifier: BSD-2-Clause
"""verify-exit: proves that an x86-64 return-to-user path takes SYSRET only where it equals IRET."""

__version__ = "0.1.0"
