# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive approximation
# ORIGIN:   Intel SDM vol. 1, 6.2: what is pushed goes where RSP points

// RSP goes down by some bytes and is pushed to: how far that is below the frame is not known, and the
// word that is read afterwards may have been hit.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	%rsp, %rbp
	movq	$0, -16(%rsp)
	movzbl	%gs:0x40, %eax
	subq	%rax, %rsp
	pushq	$1
	movq	%rbp, %rsp
	cmpq	$0, -16(%rsp)
	jne	trusted
	finish_exit
