# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-jump
# ORIGIN:   ELF gABI: what follows a section is up to the linker

// The slow arm runs off the end of the code. What is there is not padding to be
// executed.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	leave_by_sysret
slow:
	nop
