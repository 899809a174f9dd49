./teleproxy -S 000102030405060708090a0b0c0d0e0f:family:1000 -S 101112131415161718191a1b1c1d1e1f::500 -H 443 -p 8888 --http-stats -M 4 -D www.example.com --aes-pwd proxy-secret proxy-multi.conf
