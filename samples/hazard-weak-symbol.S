# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive approximation
# ORIGIN:   ELF gABI, Symbol Table: an undefined weak symbol has the value 0

// The address of a hook that may be absent. A file cannot tell; an address made
// up for it says that it is there.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	.weak	audit_hook
	movabsq	$audit_hook, %rax
	testq	%rax, %rax
	jz	trusted
	finish_exit
