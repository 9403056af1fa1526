package pismo

import "github.com/issuant/issuant/crypto/secret"

// DeviceRef returns the reference that Decode sets as device.ref for a device with
// that id, as the networks send it: deviceID from Visa, serialNumber from Mastercard.
func DeviceRef(k secret.RefKey, id string) string { return k.Ref(deviceDomain, []byte(id)) }

const deviceDomain = "device"
