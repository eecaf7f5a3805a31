// Package explain answers the questions of people about decisions: why does Ann get this
// role, who could get that role, what does she lack, what does a path come to. It serves
// no requests. The outcomes are package decision's, so that an explanation never differs
// from what would happen.
package explain
