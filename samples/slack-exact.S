# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2A, IRET: CS and SS are the lower 16 bits of their words; vol. 2B, SYSRET

// Nothing is lost, not even of frames that no CPU writes: each word is tested in the bits that are loaded.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip slow
	movq	%rcx, %rax
	patch	"shlq $16, %rax; sarq $16, %rax", "shlq $7, %rax; sarq $7, %rax", feature_la57
	cmpq	%rax, %rcx
	jne	slow
	cmpw	$sel_user_code, at_cs(%rsp)
	jne	slow
	cmpw	$sel_user_stack, at_ss(%rsp)
	jne	slow
	movq	at_rflags(%rsp), %rax
	xorq	%r11, %rax
	testl	$0x3c7fd5, %eax
	jnz	slow
	need_flags_clear flag_RF | flag_TF, slow
	leave_by_sysret

slow:
	leave_by_iret
