# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated gs
# ORIGIN:   Intel SDM vol. 2B, SWAPGS; System V AMD64 psABI: GS belongs to whoever is called

// A function of another file is called between two extra SWAPGS. It finds the
// user's GS base and will take its per-CPU variables from there.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	swapgs
	call	trace_exit
	swapgs
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
