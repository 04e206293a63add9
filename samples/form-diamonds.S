# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Kuznetsov et al., Efficient State Merging in Symbolic Execution, PLDI 2012: the problem

// Eight independent branches before the tests: 256 paths that join again.
// Counting them one by one is not the way.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	testb	$1, %gs:0x80
	jz	1f
	incq	%gs:0x100
1:
	testb	$1, %gs:0x88
	jz	2f
	incq	%gs:0x108
2:
	testb	$1, %gs:0x90
	jz	3f
	incq	%gs:0x110
3:
	testb	$1, %gs:0x98
	jz	4f
	incq	%gs:0x118
4:
	testb	$1, %gs:0xa0
	jz	5f
	incq	%gs:0x120
5:
	testb	$1, %gs:0xa8
	jz	6f
	incq	%gs:0x128
6:
	testb	$1, %gs:0xb0
	jz	7f
	incq	%gs:0x130
7:
	testb	$1, %gs:0xb8
	jz	8f
	incq	%gs:0x138
8:
	begin_tests
	need_rcx_is_rip slow
	need_canonical slow
	need_user_cs slow
	need_user_ss slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF, slow
	leave_by_sysret

slow:
	leave_by_iret
