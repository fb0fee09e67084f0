// A RAM disk with LittleFS at "/", and the clock that LittleFS asks for: what the qemu port lacks to be a board with files.
//
// The blocks are outside the heap of the interpreter, so that files survive a soft reset, as on flash. The disk is mounted at the end of
// mp_init, at every start of the interpreter, since the port runs no boot.py; what cannot be mounted is formatted first.

#include <string.h>

#include "extmod/vfs.h"
#include "extmod/vfs_lfs.h"
#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/objlist.h"
#include "py/runtime.h"

#define BLOCK_SIZE (4096)
#define BLOCK_COUNT (64)
// Of the machine's first UART, which the port's uart.c drives.
#define UART_DATA ((volatile uint32_t *)0x40004000)

typedef struct {
    mp_obj_base_t base;
} ramdisk_t;

static uint8_t storage[BLOCK_COUNT * BLOCK_SIZE];

// The part of the disk that the arguments (self, block, buffer[, offset]) name.
static uint8_t *find(size_t n_args, const mp_obj_t *args, size_t length) {
    mp_int_t block = mp_obj_get_int(args[1]);
    mp_int_t offset = n_args == 4 ? mp_obj_get_int(args[3]) : 0;
    if (block < 0 || block >= BLOCK_COUNT || offset < 0 || offset > (mp_int_t)sizeof(storage)
        || block * BLOCK_SIZE + offset + length > sizeof(storage)) {
        mp_raise_OSError(MP_EINVAL);
    }
    return &storage[block * BLOCK_SIZE + offset];
}

static mp_obj_t ramdisk_readblocks(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[2], &buffer, MP_BUFFER_WRITE);
    memcpy(buffer.buf, find(n_args, args, buffer.len), buffer.len);
    return MP_OBJ_NEW_SMALL_INT(0);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ramdisk_readblocks_obj, 3, 4, ramdisk_readblocks);

static mp_obj_t ramdisk_writeblocks(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[2], &buffer, MP_BUFFER_READ);
    memcpy(find(n_args, args, buffer.len), buffer.buf, buffer.len);
    return MP_OBJ_NEW_SMALL_INT(0);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ramdisk_writeblocks_obj, 3, 4, ramdisk_writeblocks);

static mp_obj_t ramdisk_ioctl(mp_obj_t self, mp_obj_t command, mp_obj_t argument) {
    switch (mp_obj_get_int(command)) {
        case MP_BLOCKDEV_IOCTL_INIT:
        case MP_BLOCKDEV_IOCTL_DEINIT:
        case MP_BLOCKDEV_IOCTL_SYNC:
        case MP_BLOCKDEV_IOCTL_BLOCK_ERASE:
            return MP_OBJ_NEW_SMALL_INT(0);
        case MP_BLOCKDEV_IOCTL_BLOCK_COUNT:
            return MP_OBJ_NEW_SMALL_INT(BLOCK_COUNT);
        case MP_BLOCKDEV_IOCTL_BLOCK_SIZE:
            return MP_OBJ_NEW_SMALL_INT(BLOCK_SIZE);
        default:
            return mp_const_none;
    }
}
static MP_DEFINE_CONST_FUN_OBJ_3(ramdisk_ioctl_obj, ramdisk_ioctl);

static const mp_rom_map_elem_t ramdisk_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_readblocks), MP_ROM_PTR(&ramdisk_readblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_writeblocks), MP_ROM_PTR(&ramdisk_writeblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_ioctl), MP_ROM_PTR(&ramdisk_ioctl_obj) },
};
static MP_DEFINE_CONST_DICT(ramdisk_locals, ramdisk_locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(ramdisk_type, MP_QSTR_RamDisk, MP_TYPE_FLAG_NONE, locals_dict, &ramdisk_locals);

static const ramdisk_t ramdisk = { { &ramdisk_type } };

static void format(mp_obj_t disk) {
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mp_call_function_1(mp_load_attr(MP_OBJ_FROM_PTR(&mp_type_vfs_lfs2), MP_QSTR_mkfs), disk);
        nlr_pop();
    }
}

// QEMU looks for input when the firmware takes some, and every second: without this the first byte would wait for that second.
static void ask_for_input(void) {
    static bool asked = false;
    if (!asked) {
        asked = true;
        (void)*UART_DATA;
    }
}

void ramdisk_mount(void) {
    ask_for_input();
    mp_obj_t disk = MP_OBJ_FROM_PTR(&ramdisk);
    mp_obj_t root = MP_OBJ_NEW_QSTR(MP_QSTR__slash_);
    if (mp_vfs_mount_and_chdir_protected(disk, root) != 0) {
        format(disk);
        mp_vfs_mount_and_chdir_protected(disk, root);
    }
    mp_obj_list_append(mp_sys_path, MP_OBJ_NEW_QSTR(qstr_from_str("/lib")));
}

// The machine has no clock that is set: files are as old as time.
uint64_t mp_hal_time_ns(void) {
    return 0;
}
