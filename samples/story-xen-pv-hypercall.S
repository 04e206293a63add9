# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux xen_iret: the IRET of a paravirtual guest is a hypercall

// A slow arm for a guest of Xen PV: it leaves this code for the hypercall page.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	leave_by_sysret
slow:
	cmpb	$0, xen_pv_domain(%rip)
	jne	1f
	leave_by_iret
1:	fill_all_but
	addq	$at_rip, %rsp
	pushq	$0
	jmp	hypercall_iret
	.data
xen_pv_domain:
	.byte	0
