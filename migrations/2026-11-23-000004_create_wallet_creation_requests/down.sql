DROP TABLE wallet_creation_requests;
