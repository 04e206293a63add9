# SPDX-License-Identifier: BSD-2-Clause
# Verify the exit paths while a kernel is built. Put this file into the tree, for example as
# scripts/Makefile.verify-exit, and add to arch/x86/entry/Makefile, behind the lists of objects:
#
#   include $(srctree)/scripts/Makefile.verify-exit
#
#   make VERIFY_EXIT=1   verifies after a build in which an object changed; the build fails unless it is proved
#   make VERIFY_EXIT=2   verifies in every build
#
# Without VERIFY_EXIT, or with 0, nothing is done. In the Makefile, in front of the include, or on make's command line:
#
#   verify-exit-objects  the objects in which the decision is made (default: entry_64.o); several are joined first
#   VERIFY_EXIT_CMD      the program (default: verify-exit)
#   VERIFY_EXIT_FLAGS    its options, for example --gate strict --waivers $(srctree)/verify-exit.waivers.toml

VERIFY_EXIT ?= 0
VERIFY_EXIT_CMD ?= verify-exit
verify-exit-objects ?= entry_64.o

ifneq ($(VERIFY_EXIT),0)
# A switch that is misspelt must not look like a check that passed.
ifneq ($(VERIFY_EXIT),1)
ifneq ($(VERIFY_EXIT),2)
$(error VERIFY_EXIT is "$(VERIFY_EXIT)"; it must be 0, 1 or 2)
endif
endif

# The linker's -r changes no code, and one object holds both halves of a decision that is made in C.
quiet_cmd_verify_exit_join = LD      $@
      cmd_verify_exit_join = $(LD) $(KBUILD_LDFLAGS) -z noexecstack -r -o $@ $(real-prereqs)
$(obj)/exits.o: $(addprefix $(obj)/,$(verify-exit-objects)) FORCE
	$(call if_changed,verify_exit_join)

quiet_cmd_verify_exit = VERIFY  $<
      cmd_verify_exit = $(VERIFY_EXIT_CMD) -q $(VERIFY_EXIT_FLAGS) --format json=$@ $<
$(obj)/exits.json: $(obj)/$(if $(word 2,$(verify-exit-objects)),exits.o,$(verify-exit-objects)) FORCE
	$(call $(if $(filter 2,$(VERIFY_EXIT)),cmd,if_changed),verify_exit)

targets += exits.o
always-y += exits.json
endif
