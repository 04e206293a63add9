# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, CBW/CWDE/CDQE and CWD/CDQ/CQO

// CBW writes AX, CWDE writes EAX and clears above, CDQE writes RAX, CQO writes
// RDX.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movl	$0x80, %eax
	cbtw
	cwtl
	shlq	$32, %rdx
	cltq
	cqto
	cmpq	$-0x80, %rax
	jne	slow
	cmpq	$-1, %rdx
	je	trusted
	finish_exit
