# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   ELF gABI: .rodata is not writable

// The selectors to compare with are in a read-only section: constants.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip slow
	need_canonical slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF, slow
	movq	expected_cs(%rip), %rax
	cmpq	%rax, at_cs(%rsp)
	jne	slow
	movq	expected_ss(%rip), %rax
	cmpq	%rax, at_ss(%rsp)
	jne	slow
	leave_by_sysret

slow:
	leave_by_iret

	.section .rodata
	.balign	8
expected_cs:
	.quad	sel_user_code
expected_ss:
	.quad	sel_user_stack
