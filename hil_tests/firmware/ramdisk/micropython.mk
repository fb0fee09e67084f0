SRC_USERMOD_C += $(USERMOD_DIR)/ramdisk.c
CFLAGS_USERMOD += -DMICROPY_PORT_INIT_FUNC="({ extern void ramdisk_mount(void); ramdisk_mount(); })"
