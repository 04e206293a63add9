# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Turing, On Computable Numbers, 1937: whether a loop ends

// The slow arm never ends, in no state but this one. It has to be counted among
// the ends of paths, and is no way to SYSRETQ.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	leave_by_sysret
slow:
	pause
	jmp	slow
