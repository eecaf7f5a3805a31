package mapping

// sieve tells most texts that are none of many names from those that may be one, by a
// few of their letters: nearly all groups of a person are no rule's business. Upper and
// lower case are the same to it.
type sieve [64]uint64

func (s *sieve) add(name string) {
	n := sieveHash(name)
	s[n>>6] |= 1 << (n & 63)
}

// mayHave reports whether a text of a hash may be one of the names.
func (s *sieve) mayHave(hash uint32) bool { return s[hash>>6]&(1<<(hash&63)) != 0 }

// sieveHash is a number below 4096.
func sieveHash(text string) uint32 {
	n := len(text)
	if n == 0 {
		return 0
	}
	letters := uint32(text[0]|0x20)<<16 | uint32(text[n/2]|0x20)<<8 | uint32(text[n-1]|0x20)
	return (uint32(n)<<24 | letters) * 0x9e3779b1 >> 20 //nolint:gosec // of the length, some bits are enough
}
