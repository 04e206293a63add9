; SPDX-License-Identifier: BSD-2-Clause
; SWAPGS (0F 01 F8).
;
; Rendered from verifier/isa/swapgs.py by tests/evidence/isa_semantics.py and proved equal.
;
; How to read this: each function is one register as the instruction leaves it, from the registers before it.
; (_ BitVec N) is an N-bit number; bvadd is addition modulo 2^N; bvand, bvor are bitwise; (_ extract H L) takes
; bits H:L; (_ zero_extend N) puts N zeros in front, (_ sign_extend N) copies of the top bit; (ite C A B) is
; A if C holds, else B; #x is hexadecimal, #b binary.
;
; SDM: Intel 64 and IA-32 Architectures Software Developer's Manual, order numbers 253665 (vol. 1), 325383
;      (vol. 2, edition 090US, February 2026) and 325384 (vol. 3).
; APM: AMD64 Architecture Programmer's Manual, publications 24593 (vol. 2) and 24594 (vol. 3, revision 3.36,
;      March 2024). Where it says nothing else, the APM agrees with the SDM.
;
; Arguments:
;   GS.base: the base that GS: accesses use, MSR C0000101H
;   IA32_KERNEL_GS_BASE: the MSR C0000102H
; Not in these functions:
;   #UD and #GP(0) by mode: the code runs at CPL 0 in 64-bit mode, EFER.SCE = 1 and CR4.FRED = 0 (entry-cpl0)
;   every other register and flag: they stay

(set-logic QF_BV)

; GS.base
;   SDM vol. 2B, SWAPGS, Operation: GS.base := IA32_KERNEL_GS_BASE
;   APM vol. 3, SWAPGS: the same exchange, with KernelGSBase
(define-fun |swapgs.gs_base| ((IA32_KERNEL_GS_BASE (_ BitVec 64))) (_ BitVec 64)
  IA32_KERNEL_GS_BASE)

; IA32_KERNEL_GS_BASE
;   SDM vol. 2B, SWAPGS, Operation: tmp := GS.base; IA32_KERNEL_GS_BASE := tmp
;   APM vol. 3, SWAPGS: the same exchange, with KernelGSBase
(define-fun |swapgs.kernel_gs_base| ((GS.base (_ BitVec 64))) (_ BitVec 64)
  GS.base)
