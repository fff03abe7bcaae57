package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The rings that the kernel writes frames into. A block holds the largest frame
// that offloading makes (256 KiB), and a ring enough for a pause of the reader;
// all together they take no more than maxBlocks.
const (
	blockSize  = 1 << 20
	ringBlocks = 12
	maxBlocks  = 96
	// maxDevices leaves each ring some blocks.
	maxDevices = 16
	// blockTimeout in milliseconds, after which a block that is not full is handed over.
	blockTimeout = 50
)

// capture is a socket that sees what one device lets out.
type capture struct {
	fd   int
	ring []byte
	// cooked frames begin with the network header: the link layer is not Ethernet.
	cooked bool
	mu     sync.Mutex
	drops  int64
}

// openCapture needs CAP_NET_RAW.
func openCapture(l link, blocks int) (*capture, error) {
	c := &capture{cooked: l.hardware != unix.ARPHRD_ETHER}
	kind := unix.SOCK_RAW
	if c.cooked {
		kind = unix.SOCK_DGRAM
	}
	// Protocol 0: nothing comes before all is set.
	fd, err := unix.Socket(unix.AF_PACKET, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open a packet socket: %w", err)
	}
	c.fd = fd
	fail := func(what string, err error) (*capture, error) {
		c.close()
		return nil, fmt.Errorf("%s on %s: %w", what, l.name, err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return fail("choose the ring's version", err)
	}
	if err := unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &unix.TpacketReq3{
		Block_size: blockSize, Block_nr: uint32(blocks), Frame_size: blockSize, Frame_nr: uint32(blocks), Retire_blk_tov: blockTimeout,
	}); err != nil {
		return fail("make the ring", err)
	}
	if c.ring, err = unix.Mmap(fd, 0, blockSize*blocks, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return fail("map the ring", err)
	}
	// Only what goes out, and whole: what comes in may be decrypted already.
	outgoing := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: ^uint32(0x1000-1) + 4}, // SKF_AD_OFF + SKF_AD_PKTTYPE
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.PACKET_OUTGOING, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: ^uint32(0)},
		{Code: unix.BPF_RET | unix.BPF_K},
	}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(outgoing)), Filter: &outgoing[0]}); err != nil {
		return fail("set the filter", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_ALL), Ifindex: l.index}); err != nil {
		return fail("bind the packet socket", err)
	}
	return c, nil
}

func networkOrder(n uint16) uint16 { return n<<8 | n>>8 }

func (c *capture) close() {
	if c.ring != nil {
		_ = unix.Munmap(c.ring)
	}
	_ = unix.Close(c.fd)
}

// dropped is how many frames the kernel had no room for so far.
func (c *capture) dropped() (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// Reading sets the kernel's counter back.
	stats, err := unix.GetsockoptTpacketStatsV3(c.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return 0, fmt.Errorf("read the packet socket's statistics: %w", err)
	}
	c.drops += int64(stats.Drops)
	return c.drops, nil
}

// frame is what each gets: valid until it returns.
type frame struct {
	data      []byte
	etherType uint16
	cooked    bool
	// length on the device; more than the data when it was cut.
	length int
}

// read hands each outgoing frame to each until ctx ends.
func (c *capture) read(ctx context.Context, each func(frame)) error {
	for block := 0; ; block = (block + 1) % (len(c.ring) / blockSize) {
		part := c.ring[block*blockSize : (block+1)*blockSize]
		head := (*unix.TpacketHdrV1)(unsafe.Pointer(&part[unsafe.Offsetof(unix.TpacketBlockDesc{}.Hdr)]))
		for loadStatus(&head.Block_status)&unix.TP_STATUS_USER == 0 {
			select {
			case <-ctx.Done():
				return nil
			default:
			}
			_, err := unix.Poll([]unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLIN | unix.POLLERR}}, 2*blockTimeout)
			if err != nil && !errors.Is(err, unix.EINTR) {
				return fmt.Errorf("wait for frames: %w", err)
			}
		}
		at := head.Offset_to_first_pkt
		for range head.Num_pkts {
			if int(at)+int(unsafe.Sizeof(unix.Tpacket3Hdr{})) > len(part) {
				return errors.New("read frames: the ring is not as expected")
			}
			h := (*unix.Tpacket3Hdr)(unsafe.Pointer(&part[at]))
			from := int(at) + int(h.Mac)
			if c.cooked {
				from = int(at) + int(h.Net)
			}
			if from+int(h.Snaplen) > len(part) {
				return errors.New("read frames: the ring is not as expected")
			}
			address := (*unix.RawSockaddrLinklayer)(unsafe.Pointer(&part[int(at)+addressOffset]))
			each(frame{data: part[from : from+int(h.Snaplen)], etherType: networkOrder(address.Protocol), cooked: c.cooked, length: int(h.Len)})
			at += h.Next_offset
		}
		storeStatus(&head.Block_status, unix.TP_STATUS_KERNEL)
	}
}

// addressOffset is TPACKET_ALIGN of the header, behind which the address lies.
const addressOffset = (int(unsafe.Sizeof(unix.Tpacket3Hdr{})) + unix.TPACKET_ALIGNMENT - 1) &^ (unix.TPACKET_ALIGNMENT - 1)
