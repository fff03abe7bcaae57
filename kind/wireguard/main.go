// Command wireguard encrypts between the nodes of a cluster in user space: the
// kernel that the clusters run on knows no WireGuard of its own.
//
//	wireguard key FILE         makes a private key in FILE unless there is one; prints the public one
//	wireguard run CONFIG MTU   serves the device wg0 until it is told to end
//
// CONFIG is in the words of WireGuard's own configuration protocol.
package main

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun"
)

const deviceName = "wg0"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "wireguard:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "key":
		return key(args[1])
	case len(args) == 3 && args[0] == "run":
		mtu, err := strconv.Atoi(args[2])
		if err != nil {
			return fmt.Errorf("read the MTU: %w", err)
		}
		return serve(args[1], mtu)
	default:
		return errors.New("usage: wireguard key FILE | wireguard run CONFIG MTU")
	}
}

func key(file string) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		made, err := ecdh.X25519().GenerateKey(rand.Reader)
		if err != nil {
			return fmt.Errorf("make a key: %w", err)
		}
		text = []byte(hex.EncodeToString(made.Bytes()))
		if err := os.WriteFile(file, text, 0o600); err != nil {
			return fmt.Errorf("keep the key: %w", err)
		}
	} else if err != nil {
		return fmt.Errorf("read the key: %w", err)
	}
	raw, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("read the key: %w", err)
	}
	private, err := ecdh.X25519().NewPrivateKey(raw)
	if err != nil {
		return fmt.Errorf("read the key: %w", err)
	}
	fmt.Println(hex.EncodeToString(private.PublicKey().Bytes()))
	return nil
}

func serve(file string, mtu int) error {
	config, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	defer config.Close()
	link, err := tun.CreateTUN(deviceName, mtu)
	if err != nil {
		return fmt.Errorf("make the device %s: %w", deviceName, err)
	}
	d := device.NewDevice(link, conn.NewDefaultBind(), device.NewLogger(device.LogLevelError, ""))
	defer d.Close()
	if err := d.IpcSetOperation(config); err != nil {
		return fmt.Errorf("configure the device: %w", err)
	}
	if err := d.Up(); err != nil {
		return fmt.Errorf("bring the device up: %w", err)
	}
	if err := tellReady(); err != nil {
		return fmt.Errorf("tell systemd: %w", err)
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, os.Interrupt)
	select {
	case <-ended:
	case <-d.Wait():
	}
	return nil
}

// tellReady lets systemd's start command return when the device is there.
func tellReady() error {
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" {
		return nil
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Write([]byte("READY=1"))
	return err
}
