# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux xen_sysret64: a paravirtual guest of Xen cannot execute SYSRET

// Under Xen PV the frame goes to the hypervisor, which needs all of it. Here a
// flag sends such a guest to the IRETQ exit before the frame is given up.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	cmpb	$0, xen_pv_domain(%rip)
	jne	slow
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
	.data
xen_pv_domain:
	.byte	0
