# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: sel4
# ENTRY:    syscall_exit
# EXPECT:   violated star, cs, rsp; ss-attrs on amd:la48 amd:la57
# ORIGIN:   seL4 restore_user_context and init_syscall_msrs: STAR[63:48] is SEL_CS_3

// Everything that can be tested is. What is left is by design: SYSRETQ leaves
// selector 0x3b in CS where IRETQ loads 0x2b, and RSP is cleared. On AMD the
// hidden part of SS is open: the contract says nothing of it.

#include "sel4.h"

	.globl	syscall_exit
syscall_exit:
	need_in_syscall interrupt_exit	// not in this file
	need_canonical interrupt_exit
	cmpw	$sel_user_code, at_cs(%rsp)
	jne	interrupt_exit
	cmpw	$sel_user_stack, at_ss(%rsp)
	jne	interrupt_exit
	testl	$flag_RF | flag_TF, at_rflags(%rsp)
	jnz	interrupt_exit
	leave_by_sysret
