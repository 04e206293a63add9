# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-jump
# ORIGIN:   ELF gABI: sections of an object file have no order

// The slow arm runs off the end of its section. That another section of code
// comes next here is an accident of layout.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	leave_by_sysret
slow:
	nop
	.section	.text.unlikely, "ax"
	leave_by_iret
