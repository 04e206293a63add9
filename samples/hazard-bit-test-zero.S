# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, BT, BTS, BTR, BTC: ZF is unaffected

// ZF is from the compare through four bit tests. A model that clears it takes
// the branch never.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	cmpq	%rax, %rax
	btq	$3, %rcx
	btsq	$4, %rax
	btrq	$5, %rax
	btcq	$6, %rax
	jz	trusted
	finish_exit
