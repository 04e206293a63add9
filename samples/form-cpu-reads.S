# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2: CPUID, RDTSC, RDTSCP, RDPID; APM vol. 3

// What these read may be anything; they write whole registers and no flag.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	xorl	%eax, %eax
	cpuid
	rdtsc
	rdtscp
	rdpid	%rsi
	begin_tests
	cmpq	%rcx, at_rip(%rsp)
	rdtsc
	rdpid	%rdx
	jne	slow
	need_canonical	slow
	need_user_cs	slow
	need_user_ss	slow
	need_r11_is_rflags	slow
	need_flags_clear	flag_RF | flag_TF, slow
	leave_by_sysret
slow:
	leave_by_iret
