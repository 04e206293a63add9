# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Landi, Undecidability of Static Analysis, 1992: aliasing

// What an unknown pointer points to is arbitrary.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	cmpb	$0x5a, (%rbx)
	je	trusted
	finish_exit
