# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive relocation
# ORIGIN:   System V AMD64 psABI, 4.4: TPOFF32

// Thread-local storage: the linker chooses the offset, so the operand is not
// what the file says.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	cmpl	$0, %fs:mode@tpoff
	jne	trusted
	finish_exit
	.section	.tbss, "awT", @nobits
mode:
	.skip	4
