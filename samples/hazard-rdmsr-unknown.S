# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unsupported-instruction
# ORIGIN:   Intel SDM vol. 4, table 2-2: IA32_SYSENTER_EIP is 176H

// An MSR that the model does not keep. A fresh value would have no relation to
// an earlier WRMSR.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	%rcx, %rbx
	movl	$0x176, %ecx
	rdmsr
	movq	%rbx, %rcx
	testl	%eax, %eax
	jz	slow
	finish_exit
