package codec

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// laravelCrypt is Illuminate\Encryption\Encrypter.
type laravelCrypt struct {
	keys []laravelKey // the first encrypts
}

type laravelKey struct {
	raw   []byte
	block cipher.Block
	aead  cipher.AEAD // nil: CBC and an HMAC
}

// laravelPayload is what Encrypter makes JSON of. Value and Tag are base64, as is IV;
// MAC is empty with GCM, and Tag with CBC, where older versions leave it out.
type laravelPayload struct {
	IV    string `json:"iv"`
	Value string `json:"value"`
	MAC   string `json:"mac"`
	Tag   string `json:"tag"`
}

var errLaravelPayload = errors.New("not what Encrypter writes")

func newLaravelCrypt(name string, secrets []string) (laravelCrypt, error) {
	var crypt laravelCrypt
	if name == "" {
		name = "AES-256-CBC"
	}
	size, gcm, ok := laravelCipher(name)
	if !ok {
		return crypt, &adapter.OptionError{
			Key:     "cipher",
			Problem: `no cipher of Laravel's: "AES-256-CBC", or what cipher is in config/app.php`,
		}
	}
	for i, secret := range secrets {
		raw, err := laravelParseKey(secret)
		if err != nil || len(raw) != size {
			return crypt, &adapter.OptionError{
				Key:     fmt.Sprintf("secrets[%d]", i+1),
				Problem: fmt.Sprintf(`not a key of %d bytes, which %s needs: APP_KEY with its "base64:"`, size, strings.ToUpper(name)),
			}
		}
		key := laravelKey{raw: raw}
		if key.block, err = aes.NewCipher(raw); err != nil {
			return crypt, err
		}
		if gcm {
			if key.aead, err = cipher.NewGCM(key.block); err != nil {
				return crypt, err
			}
		}
		crypt.keys = append(crypt.keys, key)
	}
	return crypt, nil
}

// laravelCipher is Encrypter::$supportedCiphers.
func laravelCipher(name string) (keySize int, gcm, ok bool) {
	switch strings.ToLower(name) {
	case "aes-256-cbc":
		return 32, false, true
	case "aes-128-cbc":
		return 16, false, true
	case "aes-256-gcm":
		return 32, true, true
	case "aes-128-gcm":
		return 16, true, true
	}
	return 0, false, false
}

func (c laravelCrypt) seal(plain []byte) string {
	key := c.keys[0]
	var p laravelPayload
	if key.aead != nil {
		iv := make([]byte, key.aead.NonceSize())
		_, _ = rand.Read(iv) // never fails, by its contract
		sealed := key.aead.Seal(nil, iv, plain, nil)
		p.IV = base64Std.EncodeToString(iv)
		p.Value = base64Std.EncodeToString(sealed[:len(plain)])
		p.Tag = base64Std.EncodeToString(sealed[len(plain):])
	} else {
		iv := make([]byte, aes.BlockSize)
		_, _ = rand.Read(iv) // never fails, by its contract
		padding := aes.BlockSize - len(plain)%aes.BlockSize
		text := slices.Concat(plain, bytes.Repeat([]byte{byte(padding)}, padding))
		cipher.NewCBCEncrypter(key.block, iv).CryptBlocks(text, text)
		p.IV = base64Std.EncodeToString(iv)
		p.Value = base64Std.EncodeToString(text)
		p.MAC = key.mac(p)
	}
	text, _ := json.Marshal(p) // of four ASCII strings
	return base64Std.EncodeToString(text)
}

// mac is Encrypter::hash.
func (k laravelKey) mac(p laravelPayload) string {
	h := hmac.New(sha256.New, k.raw)
	h.Write([]byte(p.IV + p.Value))
	return hex.EncodeToString(h.Sum(nil))
}

// open returns what text holds, with the key that it is encrypted with.
func (c laravelCrypt) open(text string) ([]byte, laravelKey, error) {
	var p laravelPayload
	b, err := decodeBase64(base64Std, text)
	if err != nil {
		return nil, laravelKey{}, err
	}
	if json.Unmarshal(b, &p, json.RejectUnknownMembers(true)) != nil {
		return nil, laravelKey{}, errLaravelPayload
	}
	for _, key := range c.keys {
		if plain, err := key.open(p); err == nil {
			return plain, key, nil
		}
	}
	return nil, laravelKey{}, errors.New("not encrypted with these secrets")
}

func (k laravelKey) open(p laravelPayload) ([]byte, error) {
	if k.aead != nil {
		return k.openGCM(p)
	}
	// Nothing of what is not signed is decrypted: its padding would tell.
	if p.Tag != "" || !hmac.Equal([]byte(k.mac(p)), []byte(p.MAC)) {
		return nil, errLaravelPayload
	}
	iv, err := decodeBase64(base64Std, p.IV)
	if err != nil || len(iv) != aes.BlockSize {
		return nil, errLaravelPayload
	}
	text, err := decodeBase64(base64Std, p.Value)
	if err != nil || len(text) == 0 || len(text)%aes.BlockSize != 0 {
		return nil, errLaravelPayload
	}
	cipher.NewCBCDecrypter(k.block, iv).CryptBlocks(text, text)
	padding := int(text[len(text)-1])
	if padding == 0 || padding > aes.BlockSize ||
		!bytes.HasSuffix(text, bytes.Repeat([]byte{byte(padding)}, padding)) {
		return nil, errLaravelPayload
	}
	return text[:len(text)-padding], nil
}

func (k laravelKey) openGCM(p laravelPayload) ([]byte, error) {
	iv, err := decodeBase64(base64Std, p.IV)
	if err != nil || len(iv) != k.aead.NonceSize() || p.MAC != "" {
		return nil, errLaravelPayload
	}
	text, err := decodeBase64(base64Std, p.Value)
	if err != nil {
		return nil, err
	}
	tag, err := decodeBase64(base64Std, p.Tag)
	if err != nil || len(tag) != k.aead.Overhead() { // or else there is a second way to write it
		return nil, errLaravelPayload
	}
	return k.aead.Open(nil, iv, slices.Concat(text, tag), nil)
}
