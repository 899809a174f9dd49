./mtproto-proxy -u nobody -p 8888 -H 443 -S 000102030405060708090a0b0c0d0e0f --aes-pwd proxy-secret proxy-multi.conf -M 1
