# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   ELF gABI, Symbol Table: undefined symbols

// A variable of another file is arbitrary.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	cmpl	$0, mitigation_mode(%rip)
	jne	trusted
	finish_exit
