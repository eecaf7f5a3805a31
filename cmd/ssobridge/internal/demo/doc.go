// Package demo is `ssobridge demo`: everything that it takes to see ssobridge
// at work, in one process and on loopback only.
//
//	browser ─ stand-in for Pomerium ─ ssobridge ─ sample apps
//	curl      who is it?              which role?  what they received
//	          └ verifiertest          └ bridge/server, from a file
//
// ssobridge runs by the code path of `ssobridge serve`, from a configuration
// file that is written to a temporary directory and printed. Nothing in it
// knows that it is a demo.
package demo
