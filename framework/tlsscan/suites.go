package tlsscan

import (
	"slices"
	"strings"
)

// Class is a kind of cipher suite that gives no protection, or too little.
type Class string

// Classes. A suite may be of several.
const (
	// ClassNull: no encryption.
	ClassNull Class = "null"
	// ClassAnonymous: no authentication of the server.
	ClassAnonymous Class = "anonymous"
	// ClassExport: keys shortened for the export rules of the nineties.
	ClassExport Class = "export"
	// ClassRC4: the stream cipher RC4.
	ClassRC4 Class = "rc4"
	// ClassDES: DES and Triple DES, with blocks of 64 bits.
	ClassDES Class = "des"
)

// AllClasses lists the classes in the order in which they are asked for.
func AllClasses() []Class {
	return []Class{ClassNull, ClassAnonymous, ClassExport, ClassRC4, ClassDES}
}

// markOf is what the name of each suite of a class has in it.
func markOf(c Class) []string {
	switch c {
	case ClassNull:
		return []string{"_NULL_", "TLS_SHA256_SHA256", "TLS_SHA384_SHA384"}
	case ClassAnonymous:
		return []string{"_anon_"}
	case ClassExport:
		return []string{"_EXPORT"}
	case ClassRC4:
		return []string{"_RC4_"}
	case ClassDES:
		return []string{"_DES_", "_DES40_", "_3DES_"}
	default:
		return nil
	}
}

// isOf reports whether the suite is of the class.
func isOf(name string, c Class) bool {
	return slices.ContainsFunc(markOf(c), func(mark string) bool { return strings.Contains(name, mark) })
}

func weak(name string) bool {
	return slices.ContainsFunc(AllClasses(), func(c Class) bool { return isOf(name, c) })
}

// suite is a cipher suite by its number and its name in IANA's registry, or in
// the drafts that the oldest come from.
type suite struct {
	id   uint16
	name string
}

// tls13 reports whether the suite is one of TLS 1.3 only: those name no key exchange.
func (s suite) tls13() bool { return !strings.Contains(s.name, "_WITH_") }

// NameOf is the name of a suite, or its number where it has none here.
func NameOf(id uint16) string {
	for _, s := range allSuites() {
		if s.id == id {
			return s.name
		}
	}
	return "0x" + hex16(id)
}

func hex16(v uint16) string {
	const digits = "0123456789ABCDEF"
	return string([]byte{digits[v>>12], digits[v>>8&15], digits[v>>4&15], digits[v&15]})
}

// inClass are the numbers of the suites of a class, of TLS 1.3 or of the
// versions before it.
func inClass(c Class, tls13 bool) []uint16 {
	return numbers(func(s suite) bool { return isOf(s.name, c) && s.tls13() == tls13 })
}

// ordinary are the numbers of all other suites.
func ordinary(tls13 bool) []uint16 {
	return numbers(func(s suite) bool { return !weak(s.name) && s.tls13() == tls13 })
}

// everything are the numbers of all suites. The ordinary ones come first, in
// the order of modern clients, so that a server which follows its client
// chooses one of them.
func everything(tls13 bool) []uint16 {
	return append(ordinary(tls13), numbers(func(s suite) bool { return weak(s.name) && s.tls13() == tls13 })...)
}

func numbers(wanted func(suite) bool) []uint16 {
	var out []uint16
	for _, s := range allSuites() {
		if wanted(s) {
			out = append(out, s.id)
		}
	}
	return out
}

// Recommended reports whether BSI TR-02102-2 lists the suite for TLS 1.2 with
// forward secrecy or for TLS 1.3. The list is that of version 2023-01, tables 1
// and 11; version 2026-01 counts the tables anew (3 and 13) and has no others
// for AES-GCM, the suites in use today.
func Recommended(name string) bool {
	switch name {
	case "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_AES_128_CCM_SHA256":
		return true
	}
	exchange, cipher, found := strings.Cut(name, "_WITH_")
	if !found {
		return false
	}
	gcm := []string{"AES_128_GCM_SHA256", "AES_256_GCM_SHA384"}
	ccm := []string{"AES_128_CCM", "AES_256_CCM"}
	switch exchange {
	case "TLS_ECDHE_ECDSA":
		return slices.Contains(slices.Concat(gcm, ccm, []string{"AES_128_CBC_SHA256", "AES_256_CBC_SHA384"}), cipher)
	case "TLS_ECDHE_RSA":
		return slices.Contains(slices.Concat(gcm, []string{"AES_128_CBC_SHA256", "AES_256_CBC_SHA384"}), cipher)
	case "TLS_DHE_RSA":
		return slices.Contains(slices.Concat(gcm, ccm, []string{"AES_128_CBC_SHA256", "AES_256_CBC_SHA256"}), cipher)
	case "TLS_DHE_DSS":
		return slices.Contains(slices.Concat(gcm, []string{"AES_128_CBC_SHA256", "AES_256_CBC_SHA256"}), cipher)
	default:
		return false
	}
}

// allSuites lists the suites that a server with a certificate, or an anonymous
// one, can choose. Those with pre-shared keys, SRP, Kerberos and Fortezza need
// more than a scanner has.
func allSuites() []suite {
	return []suite{
		{0x1301, "TLS_AES_128_GCM_SHA256"}, {0x1302, "TLS_AES_256_GCM_SHA384"}, {0x1303, "TLS_CHACHA20_POLY1305_SHA256"},
		{0x1304, "TLS_AES_128_CCM_SHA256"}, {0x1305, "TLS_AES_128_CCM_8_SHA256"}, {0xC0B4, "TLS_SHA256_SHA256"}, {0xC0B5, "TLS_SHA384_SHA384"},

		{0xC02B, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"}, {0xC02F, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
		{0xC02C, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"}, {0xC030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"},
		{0xCCA9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"}, {0xCCA8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"},
		{0xC0AC, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM"}, {0xC0AD, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM"},
		{0xC0AE, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"}, {0xC0AF, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8"},
		{0xC023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"}, {0xC024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"},
		{0xC027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"}, {0xC028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"},
		{0xC009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"}, {0xC00A, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"},
		{0xC013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"}, {0xC014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"},

		{0x009E, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"}, {0x009F, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"},
		{0x00A2, "TLS_DHE_DSS_WITH_AES_128_GCM_SHA256"}, {0x00A3, "TLS_DHE_DSS_WITH_AES_256_GCM_SHA384"},
		{0xCCAA, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256"},
		{0xC09E, "TLS_DHE_RSA_WITH_AES_128_CCM"}, {0xC09F, "TLS_DHE_RSA_WITH_AES_256_CCM"},
		{0xC0A2, "TLS_DHE_RSA_WITH_AES_128_CCM_8"}, {0xC0A3, "TLS_DHE_RSA_WITH_AES_256_CCM_8"},
		{0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256"}, {0x006B, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256"},
		{0x0040, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA256"}, {0x006A, "TLS_DHE_DSS_WITH_AES_256_CBC_SHA256"},
		{0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"}, {0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"},
		{0x0032, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA"}, {0x0038, "TLS_DHE_DSS_WITH_AES_256_CBC_SHA"},

		{0x009C, "TLS_RSA_WITH_AES_128_GCM_SHA256"}, {0x009D, "TLS_RSA_WITH_AES_256_GCM_SHA384"},
		{0xC09C, "TLS_RSA_WITH_AES_128_CCM"}, {0xC09D, "TLS_RSA_WITH_AES_256_CCM"},
		{0xC0A0, "TLS_RSA_WITH_AES_128_CCM_8"}, {0xC0A1, "TLS_RSA_WITH_AES_256_CCM_8"},
		{0x003C, "TLS_RSA_WITH_AES_128_CBC_SHA256"}, {0x003D, "TLS_RSA_WITH_AES_256_CBC_SHA256"},
		{0x002F, "TLS_RSA_WITH_AES_128_CBC_SHA"}, {0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA"},

		{0xC02D, "TLS_ECDH_ECDSA_WITH_AES_128_GCM_SHA256"}, {0xC02E, "TLS_ECDH_ECDSA_WITH_AES_256_GCM_SHA384"},
		{0xC031, "TLS_ECDH_RSA_WITH_AES_128_GCM_SHA256"}, {0xC032, "TLS_ECDH_RSA_WITH_AES_256_GCM_SHA384"},
		{0xC025, "TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA256"}, {0xC026, "TLS_ECDH_ECDSA_WITH_AES_256_CBC_SHA384"},
		{0xC029, "TLS_ECDH_RSA_WITH_AES_128_CBC_SHA256"}, {0xC02A, "TLS_ECDH_RSA_WITH_AES_256_CBC_SHA384"},
		{0xC004, "TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA"}, {0xC005, "TLS_ECDH_ECDSA_WITH_AES_256_CBC_SHA"},
		{0xC00E, "TLS_ECDH_RSA_WITH_AES_128_CBC_SHA"}, {0xC00F, "TLS_ECDH_RSA_WITH_AES_256_CBC_SHA"},
		{0x00A0, "TLS_DH_RSA_WITH_AES_128_GCM_SHA256"}, {0x00A1, "TLS_DH_RSA_WITH_AES_256_GCM_SHA384"},
		{0x00A4, "TLS_DH_DSS_WITH_AES_128_GCM_SHA256"}, {0x00A5, "TLS_DH_DSS_WITH_AES_256_GCM_SHA384"},
		{0x003F, "TLS_DH_RSA_WITH_AES_128_CBC_SHA256"}, {0x0069, "TLS_DH_RSA_WITH_AES_256_CBC_SHA256"},
		{0x003E, "TLS_DH_DSS_WITH_AES_128_CBC_SHA256"}, {0x0068, "TLS_DH_DSS_WITH_AES_256_CBC_SHA256"},
		{0x0031, "TLS_DH_RSA_WITH_AES_128_CBC_SHA"}, {0x0037, "TLS_DH_RSA_WITH_AES_256_CBC_SHA"},
		{0x0030, "TLS_DH_DSS_WITH_AES_128_CBC_SHA"}, {0x0036, "TLS_DH_DSS_WITH_AES_256_CBC_SHA"},

		{0xC05C, "TLS_ECDHE_ECDSA_WITH_ARIA_128_GCM_SHA256"}, {0xC05D, "TLS_ECDHE_ECDSA_WITH_ARIA_256_GCM_SHA384"},
		{0xC060, "TLS_ECDHE_RSA_WITH_ARIA_128_GCM_SHA256"}, {0xC061, "TLS_ECDHE_RSA_WITH_ARIA_256_GCM_SHA384"},
		{0xC052, "TLS_DHE_RSA_WITH_ARIA_128_GCM_SHA256"}, {0xC053, "TLS_DHE_RSA_WITH_ARIA_256_GCM_SHA384"},
		{0xC050, "TLS_RSA_WITH_ARIA_128_GCM_SHA256"}, {0xC051, "TLS_RSA_WITH_ARIA_256_GCM_SHA384"},
		{0xC072, "TLS_ECDHE_ECDSA_WITH_CAMELLIA_128_CBC_SHA256"}, {0xC073, "TLS_ECDHE_ECDSA_WITH_CAMELLIA_256_CBC_SHA384"},
		{0xC076, "TLS_ECDHE_RSA_WITH_CAMELLIA_128_CBC_SHA256"}, {0xC077, "TLS_ECDHE_RSA_WITH_CAMELLIA_256_CBC_SHA384"},
		{0x00BE, "TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA256"}, {0x00C4, "TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA256"},
		{0x00BA, "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA256"}, {0x00C0, "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA256"},
		{0x0045, "TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA"}, {0x0088, "TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA"},
		{0x0044, "TLS_DHE_DSS_WITH_CAMELLIA_128_CBC_SHA"}, {0x0087, "TLS_DHE_DSS_WITH_CAMELLIA_256_CBC_SHA"},
		{0x0041, "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA"}, {0x0084, "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA"},
		{0x009A, "TLS_DHE_RSA_WITH_SEED_CBC_SHA"}, {0x0099, "TLS_DHE_DSS_WITH_SEED_CBC_SHA"}, {0x0096, "TLS_RSA_WITH_SEED_CBC_SHA"},
		{0x0007, "TLS_RSA_WITH_IDEA_CBC_SHA"},

		{0x0001, "TLS_RSA_WITH_NULL_MD5"}, {0x0002, "TLS_RSA_WITH_NULL_SHA"}, {0x003B, "TLS_RSA_WITH_NULL_SHA256"},
		{0xC001, "TLS_ECDH_ECDSA_WITH_NULL_SHA"}, {0xC006, "TLS_ECDHE_ECDSA_WITH_NULL_SHA"},
		{0xC00B, "TLS_ECDH_RSA_WITH_NULL_SHA"}, {0xC010, "TLS_ECDHE_RSA_WITH_NULL_SHA"},

		{0xC015, "TLS_ECDH_anon_WITH_NULL_SHA"}, {0xC016, "TLS_ECDH_anon_WITH_RC4_128_SHA"}, {0xC017, "TLS_ECDH_anon_WITH_3DES_EDE_CBC_SHA"},
		{0xC018, "TLS_ECDH_anon_WITH_AES_128_CBC_SHA"}, {0xC019, "TLS_ECDH_anon_WITH_AES_256_CBC_SHA"},
		{0x0018, "TLS_DH_anon_WITH_RC4_128_MD5"}, {0x001A, "TLS_DH_anon_WITH_DES_CBC_SHA"}, {0x001B, "TLS_DH_anon_WITH_3DES_EDE_CBC_SHA"},
		{0x0034, "TLS_DH_anon_WITH_AES_128_CBC_SHA"}, {0x003A, "TLS_DH_anon_WITH_AES_256_CBC_SHA"},
		{0x006C, "TLS_DH_anon_WITH_AES_128_CBC_SHA256"}, {0x006D, "TLS_DH_anon_WITH_AES_256_CBC_SHA256"},
		{0x00A6, "TLS_DH_anon_WITH_AES_128_GCM_SHA256"}, {0x00A7, "TLS_DH_anon_WITH_AES_256_GCM_SHA384"},
		{0x0046, "TLS_DH_anon_WITH_CAMELLIA_128_CBC_SHA"}, {0x0089, "TLS_DH_anon_WITH_CAMELLIA_256_CBC_SHA"},
		{0x00BF, "TLS_DH_anon_WITH_CAMELLIA_128_CBC_SHA256"}, {0x00C5, "TLS_DH_anon_WITH_CAMELLIA_256_CBC_SHA256"},
		{0x009B, "TLS_DH_anon_WITH_SEED_CBC_SHA"},
		{0xC046, "TLS_DH_anon_WITH_ARIA_128_CBC_SHA256"}, {0xC047, "TLS_DH_anon_WITH_ARIA_256_CBC_SHA384"},
		{0xC05A, "TLS_DH_anon_WITH_ARIA_128_GCM_SHA256"}, {0xC05B, "TLS_DH_anon_WITH_ARIA_256_GCM_SHA384"},
		{0xC084, "TLS_DH_anon_WITH_CAMELLIA_128_GCM_SHA256"}, {0xC085, "TLS_DH_anon_WITH_CAMELLIA_256_GCM_SHA384"},

		{0x0003, "TLS_RSA_EXPORT_WITH_RC4_40_MD5"}, {0x0006, "TLS_RSA_EXPORT_WITH_RC2_CBC_40_MD5"}, {0x0008, "TLS_RSA_EXPORT_WITH_DES40_CBC_SHA"},
		{0x000B, "TLS_DH_DSS_EXPORT_WITH_DES40_CBC_SHA"}, {0x000E, "TLS_DH_RSA_EXPORT_WITH_DES40_CBC_SHA"},
		{0x0011, "TLS_DHE_DSS_EXPORT_WITH_DES40_CBC_SHA"}, {0x0014, "TLS_DHE_RSA_EXPORT_WITH_DES40_CBC_SHA"},
		{0x0017, "TLS_DH_anon_EXPORT_WITH_RC4_40_MD5"}, {0x0019, "TLS_DH_anon_EXPORT_WITH_DES40_CBC_SHA"},
		{0x0060, "TLS_RSA_EXPORT1024_WITH_RC4_56_MD5"}, {0x0061, "TLS_RSA_EXPORT1024_WITH_RC2_CBC_56_MD5"},
		{0x0062, "TLS_RSA_EXPORT1024_WITH_DES_CBC_SHA"}, {0x0063, "TLS_DHE_DSS_EXPORT1024_WITH_DES_CBC_SHA"},
		{0x0064, "TLS_RSA_EXPORT1024_WITH_RC4_56_SHA"}, {0x0065, "TLS_DHE_DSS_EXPORT1024_WITH_RC4_56_SHA"},

		{0x0004, "TLS_RSA_WITH_RC4_128_MD5"}, {0x0005, "TLS_RSA_WITH_RC4_128_SHA"}, {0x0066, "TLS_DHE_DSS_WITH_RC4_128_SHA"},
		{0xC002, "TLS_ECDH_ECDSA_WITH_RC4_128_SHA"}, {0xC007, "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA"},
		{0xC00C, "TLS_ECDH_RSA_WITH_RC4_128_SHA"}, {0xC011, "TLS_ECDHE_RSA_WITH_RC4_128_SHA"},

		{0x0009, "TLS_RSA_WITH_DES_CBC_SHA"}, {0x000C, "TLS_DH_DSS_WITH_DES_CBC_SHA"}, {0x000F, "TLS_DH_RSA_WITH_DES_CBC_SHA"},
		{0x0012, "TLS_DHE_DSS_WITH_DES_CBC_SHA"}, {0x0015, "TLS_DHE_RSA_WITH_DES_CBC_SHA"},
		{0x000A, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"}, {0x000D, "TLS_DH_DSS_WITH_3DES_EDE_CBC_SHA"}, {0x0010, "TLS_DH_RSA_WITH_3DES_EDE_CBC_SHA"},
		{0x0013, "TLS_DHE_DSS_WITH_3DES_EDE_CBC_SHA"}, {0x0016, "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA"},
		{0xC003, "TLS_ECDH_ECDSA_WITH_3DES_EDE_CBC_SHA"}, {0xC008, "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA"},
		{0xC00D, "TLS_ECDH_RSA_WITH_3DES_EDE_CBC_SHA"}, {0xC012, "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"},
	}
}
