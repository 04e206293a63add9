# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   ELF gABI: .bss is zero at start only

// The flag that leaves the test out is zero in the file. It is not when the
// code runs.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	cmpb	$0, trust_everyone(%rip)
	jne	trusted
	finish_exit
	.bss
trust_everyone:
	.skip	1
